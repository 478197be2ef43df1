FROM tiny
COPY dirs /dirs
COPY dirs/closed /closed/
WORKDIR /new/deep
COPY dirs .
