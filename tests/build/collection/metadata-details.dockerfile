FROM tiny
EXPOSE 80 81/udp 82-84 85/sctp
ENV PORT=90
EXPOSE $PORT ${PORT}/udp "91" 92/TCP
VOLUME /a /b
VOLUME ["/e f", "/g"]
STOPSIGNAL RTMIN+3
HEALTHCHECK --interval=1h2m3s --timeout=1m --retries=1 CMD ["a", "b c"]
LABEL a="x\ny" b="x\"y" c='x\ny' d=x\ y e=$PORT "f g"="h i" j="$PORT" k='$PORT'
LABEL l="one\
two" m=three
LABEL com.example.json='{"a": [1, 2]}'
ENV T1=a\	b T2="	tab" T3=' lead' T4=trail\  T5=x
ENV old style value with  spaces "and quotes" $PORT
USER 1000:50
CMD ["sh", "-c", "echo $PORT"]
SHELL ["/bin/sh", "-ec"]
ENTRYPOINT exec top -b
