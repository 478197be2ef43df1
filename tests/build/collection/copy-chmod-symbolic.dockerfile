FROM tiny
COPY --chmod=u=rw,go=r plain.txt /a
COPY --chmod=a+x plain.txt /b
COPY --chmod=u=rwX,go=rX folder /c
COPY --chmod=go-rwx modes /d
COPY --chmod=ug+s,o+t plain.txt /e
