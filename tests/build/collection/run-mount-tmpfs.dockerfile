FROM tiny
RUN --mount=type=tmpfs,target=/t touch /t/x && ls /t > /seen
RUN --mount=type=tmpfs,target=/etc/t,size=1m df -k /etc/t | tail -1 | awk '{print $2}' > /size
