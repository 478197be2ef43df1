FROM tiny
COPY --chmod=g=u,o= folder /a/
COPY --chmod=go=u modes /b/
COPY --chmod=o+g,u-o modes /c/
COPY --chmod=u=rwx,g=u-w,o=g dirs /d/
COPY --chmod=+x plain.txt /e/
COPY --chmod=u=rwX,go=rX folder /f/
COPY --chmod=a-r,u+s modes /g/
COPY --chmod=+t,g+s folder /h/
ARG MODE=440
COPY --chmod=$MODE folder /i/
COPY --chmod=777 folder /j
COPY --chmod=2775 folder /k/l
COPY --chmod=1777 plain.txt /m/n
COPY --link --chmod=go= folder /o/p
