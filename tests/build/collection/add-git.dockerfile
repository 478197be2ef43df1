FROM tiny AS kept
ARG GIT
ADD --keep-git-dir=true $GIT#v1 /tag
ADD --keep-git-dir $GIT /branch
FROM tiny
ARG GIT
ARG COMMIT
ADD $GIT /main
ADD --chown=web:staff ${GIT}#v1 /v1/
ADD ${GIT}#v1:sub /sub
ADD ${GIT}#feature:sub/deep relative/
ADD --checksum=$COMMIT $GIT#light /checked
ADD --exclude=*.md --exclude=sub/deep --chmod=700 ${GIT}#feature /excluded
ADD --link ${GIT}#$COMMIT /commit
ADD ${GIT}?ref=feature&subdir=sub /query
ADD ${GIT}?tag=v1 plain.txt /mixed/
COPY --from=kept --exclude=.git/index /tag /tag
COPY --from=kept --exclude=.git/index --exclude=.git/refs/tags/main /branch /branch
