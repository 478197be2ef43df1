FROM tiny
COPY --exclude=*.conf folder /a
COPY --exclude=nested folder /b
COPY --exclude=**/deep --exclude=a.* folder /c
COPY --exclude=!a.conf --exclude=*.conf folder /d
