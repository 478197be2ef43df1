FROM tiny
RUN true
