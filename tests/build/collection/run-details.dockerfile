FROM tiny
RUN echo a; \
    # a comment inside
    echo b; \
  echo "c \
    d" > /1
RUN ["/bin/sh", "-c", "echo \"json \\u00e9 $HOME\" > /2"]
RUN [ "echo", 'not json' ] || echo shell > /3
RUN set -- a b; echo "$# $1 \$1 $$" | sed 's/ [0-9]*$//' > /4
ENV X=env
RUN X=local; echo $X > /5
RUN --mount=type=tmpfs,target=/t,size=1m --network=none touch /t/x && cat /proc/net/route | wc -l > /6
RUN --mount=type=secret,id=one,target=/s,mode=0444,uid=1000,env=ONE stat -c '%a %u' /s > /7; echo "$ONE" | wc -c >> /7
RUN --mount=type=secret,id=absent,target=/absent test ! -e /absent && echo none > /8
RUN umask > /9; id >> /9; echo $HOME $PWD >> /9
RUN echo 'trailing' > /10 \

RUN  	  echo   spaced	> /11
RUN mkdir -p /gone/x && rm -r /gone && touch -d @1 /old && ln /old /hard && mkfifo /fifo
