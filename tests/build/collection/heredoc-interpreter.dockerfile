FROM tiny
RUN <<EOF
#!/bin/sh -e
echo "$0 $#" | sed 's|/.*||' > /args
false || echo next >> /args
EOF
RUN <<'EOF'
#!/bin/cat
this text is what the interpreter reads
EOF
USER web
WORKDIR /home/web
RUN <<EOF
id -u > /tmp/who
pwd >> /tmp/who
EOF
