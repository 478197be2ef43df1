FROM tiny
WORKDIR /w
RUN --mount=target=. ls -1 > /ls
RUN --mount=target=/x,rw touch /x/new && ls /x > /written
RUN --mount=source=folder,dst=/f,readwrite echo a > /f/new && ls /f > /sub
RUN --mount=source=plain.txt,destination=/file cat /file > /one
RUN --mount=target=/x,ro=false touch /x/y && echo written > /ro-false
RUN --mount=target=/x,readonly=true touch /x/y 2>/dev/null || echo refused > /ro-true
RUN --mount=TYPE=tmpfs,Target=/x,size=65536 dd if=/dev/zero of=/x/f bs=1k count=100 2>/dev/null; stat -c %s /x/f > /size
RUN --mount=from=tiny,source=/etc,target=/x ls /x > /image; touch /x/y 2>/dev/null || echo refused >> /image
RUN --mount=type=secret,target=/aws/one cat /aws/one > /by-target
RUN --mount=type=secret,id=one,env=ONE,target=/s cat /s > /both; echo $ONE >> /both
RUN --mount=type=secret,id=one,mode=0440,uid=5,gid=6 stat -c '%a %u:%g' /run/secrets/one /run/secrets > /modes
RUN --network=none grep -c : /proc/net/dev > /alone
