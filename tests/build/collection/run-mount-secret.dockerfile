FROM tiny
RUN --mount=type=secret,id=one cp /run/secrets/one /one
RUN --mount=type=secret,id=one,target=/etc/secret,mode=0444,uid=1000,gid=50 stat -c '%a %u:%g' /etc/secret > /stat
RUN --mount=type=secret,id=one,env=SECRET echo "$SECRET" | wc -c > /env
RUN --mount=type=secret,id=absent ls /run/secrets > /absent 2>&1 || echo none > /absent
USER web
RUN --mount=type=secret,id=one,uid=1000 wc -c /run/secrets/one > /tmp/own
