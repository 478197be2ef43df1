FROM tiny
RUN <<EOF
echo one > /one
echo $HOME >> /one
EOF
RUN <<'EOF'
echo "two" > /two
EOF
RUN <<-EOF
	echo three > /three
	EOF
RUN <<EOF
#!/bin/sh
echo "four $0" | cut -c1-4 > /four
EOF
RUN cat <<a > /five && cat <<b >> /five
A
a
B
b
RUN sh <<EOF
echo six > /six
EOF
