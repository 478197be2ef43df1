FROM tiny
ENV NAME=value
COPY <<EOF /plain
name is $NAME and \$NAME ${NAME:-x}
EOF
COPY <<"EOF" /quoted
name is $NAME \$
EOF
COPY <<-TABS /chomped
		two tabs
	one
TABS
COPY <<one.txt <<'two.txt' /several/
1 $NAME
one.txt
2 $NAME
two.txt
COPY --chmod=755 --chown=web <<script plain.txt /mixed/
#!/bin/sh
script
