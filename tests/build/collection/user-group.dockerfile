FROM tiny
USER web
USER 0
USER nobody:staff
