FROM tiny
SHELL ["/bin/sh", "-eu", "-c"]
RUN <<EOF
echo "shell of the stage: $-" | tr -d hC > /shell
EOF
SHELL ["/bin/sh", "-c"]
RUN <<EOF cat > /redirected
content $HOME
EOF
RUN cat > /quoted <<'EOF'
$HOME \$x `date`
EOF
RUN <<EOF
if true; then
  echo "with \
a continued line" > /continued
fi
# a comment of the shell
echo 'EOF in the middle' > /middle
 EOF
echo not ended by an indented word > /ended
EOF
RUN --mount=type=bind,target=/ctx <<EOF
cp /ctx/plain.txt /mounted
EOF
RUN <<-"TABS"
	cat > /tabs <<-INNER
		inner $HOME
	INNER
TABS
COPY <<-EOF /copied/tabs
	one
		two
	  three
EOF
COPY <<EOF /copied/escapes
\\ \" \' \n "quoted" 'single' \${NOT} $(date) `x` $
EOF
COPY <<"A-B" /copied/spaced
content
A-B
COPY <<empty /copied/empty
empty
COPY <<EOF1 <<EOF2 /copied/
1
EOF1
2
EOF2
ENTRYPOINT ["/bin/sh", "-c", "echo <<EOF"]
CMD echo "<<EOF"
