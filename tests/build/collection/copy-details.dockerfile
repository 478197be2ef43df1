FROM tiny AS first
RUN mkdir -p /out/d && echo 1 > /out/d/f && ln -s d /out/l && ln -s /out/d/f /out/abs
FROM tiny
WORKDIR /w
COPY ["with space.txt", "plain.txt", "json/"]
COPY plain.txt other.txt ./
COPY plain.txt renamed
COPY folder .
COPY folder/ sub/
COPY folder sub2
COPY ./folder/../plain.txt cleaned
COPY /plain.txt absolute
COPY folder/* flat/
COPY pla[i]n.txt class/
COPY --from=0 /out numbered
COPY --from=first /out/l followed
COPY --from=first /out/abs file
COPY --from=tiny /etc/group .
COPY links/to-file links/to-dir links-out/
COPY empty empty/
COPY plain.txt /root/
COPY --chown=1000 plain.txt uid
COPY --chown=:50 plain.txt gid
COPY --chown=web:staff folder owned
COPY --chmod=0644 folder modes
COPY --link --chown=5:6 plain.txt /linked/deep/file
COPY . /all/
