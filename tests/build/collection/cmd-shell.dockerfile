FROM tiny
ENV A=b
CMD echo "$A" && sleep 1
