FROM tiny
ENV DIR=/dir USER_=web SIG=SIGUSR1 PORT=8080 VOL=/vol SRC=plain.txt TEXT=label
WORKDIR $DIR/sub
COPY ${SRC} $DIR/copied
ADD ${SRC} ${DIR}/added
EXPOSE $PORT ${PORT}/udp
VOLUME $VOL ["$VOL/json"]
VOLUME ["$VOL/j"]
LABEL text=$TEXT "$TEXT.key"=x
STOPSIGNAL $SIG
USER ${USER_}:staff
CMD ["$TEXT"]
ENTRYPOINT ["$TEXT"]
