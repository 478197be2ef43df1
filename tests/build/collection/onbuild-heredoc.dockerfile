FROM tiny AS parent
ONBUILD COPY <<EOF /from-trigger
triggered
EOF
ONBUILD RUN <<EOF
echo ran > /ran
EOF
ONBUILD ARG WHO=nobody
ONBUILD ENV WHO=$WHO
ONBUILD WORKDIR /triggered
ONBUILD ADD plain.txt .
ONBUILD USER web
ONBUILD EXPOSE 80
ONBUILD CMD ["x"]
FROM parent AS child
RUN pwd > /tmp/pwd && id -un >> /tmp/pwd
FROM child
RUN true
