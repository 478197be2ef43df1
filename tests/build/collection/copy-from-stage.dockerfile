FROM tiny AS Build
RUN mkdir -p /out/sub && echo x > /out/x && chown -R web:web /out && ln -s x /out/l && chmod 4750 /out/x && ln /out/x /out/sub/hard
FROM tiny
COPY --from=build /out /a
COPY --from=0 /out/x /b
COPY --from=build --chown=0:0 /out/ /c/
COPY --from=build /out/l /d
COPY --from=tiny /etc/passwd /image/
