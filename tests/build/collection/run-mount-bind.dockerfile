FROM tiny AS other
RUN mkdir /o && echo other > /o/file
FROM tiny
RUN --mount=target=/ctx cat /ctx/plain.txt > /a
RUN --mount=type=bind,source=folder,target=/f cp /f/a.conf /b
RUN --mount=type=bind,from=other,source=/o,target=/o,rw echo more >> /o/file && cp /o/file /c
RUN --mount=from=tiny,src=/etc/passwd,dst=/pw cp /pw /d
WORKDIR /work
RUN --mount=type=bind,source=plain.txt,target=here.txt cat here.txt > /e
