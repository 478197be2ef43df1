FROM tiny
RUN --network=none ls /sys/class/net > /none
RUN --network=default true
