FROM tiny
COPY --link plain.txt /linked/
COPY --link --chown=1000:1001 folder /linked/folder
COPY --link --from=tiny /etc/group /linked/
