FROM tiny
RUN --mount=type=cache,target=/cache,id=collection-a echo kept > /cache/x && ls -ld /cache | cut -c1-10 > /mode
RUN --mount=type=cache,target=/other,id=collection-a,ro cat /other/x > /seen
RUN --mount=type=cache,target=/mine,id=collection-b,uid=1000,gid=50,mode=0750 stat -c '%a %u:%g' /mine > /stat
RUN --mount=type=cache,target=/filled,id=collection-c,from=tiny,source=/etc ls /filled > /ls
RUN --mount=type=cache,target=/locked,sharing=locked,id=collection-d true
RUN --mount=type=cache,target=/private,sharing=private,id=collection-e true
