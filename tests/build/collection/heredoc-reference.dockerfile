FROM tiny
RUN <<EOT sh
  set -e
  echo 1 > /a
EOT
WORKDIR /w
RUN <<EOT
#!/bin/awk -f
BEGIN { print "hi" > "/awk" }
EOT
RUN <<FILE1 cat > file1 && <<FILE2 cat > file2
I am
first
FILE1
I am
second
FILE2
COPY <<EOF greeting.txt
hello world
EOF
ARG FOO=bar
COPY <<-EOT /script.sh
	echo "hello ${FOO}"
EOT
COPY <<-"EOT" /script2.sh
  echo "hello ${FOO}"
EOT
COPY <<E"O"T /script3.sh
$FOO
EOT
COPY --chmod=755 --chown=web <<EOF <<EOG /d/
${FOO%r} ${FOO:+yes} ${BAR:-no} \$FOO \${FOO} \\ $FOO
EOF
2
EOG
ADD <<X plain.txt /e/
3
X
ENTRYPOINT ash /script.sh
