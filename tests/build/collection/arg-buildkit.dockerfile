FROM tiny
RUN hostname > /hostname
RUN echo "$HTTP_PROXY|$http_proxy|$ALL_PROXY|$all_proxy|$FTP_PROXY" > /proxies
RUN --mount=type=cache,target=/c,id=collection-j ls /c > /empty; touch /c/x
RUN --mount=type=cache,target=/c,id=collection-j ls /c > /kept
