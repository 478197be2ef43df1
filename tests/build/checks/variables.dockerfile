ARG GLOBAL=tiny
FROM tiny
ARG DEFINED
ARG VALUE=a
COPY $foo .
COPY $DEFINED/$VALUE $PATH $PTH /x
RUN echo $never
RUN --mount=type=cache,target=/a$cach true
ENV P=$PAHT Q=$PATH R=${R:-x} S=${S2} T=${GLOBAL}
ENV T2=$TARGETPLATFORM T3=$TARGETARCH
ARG Z=$zz
LABEL l=$ll
EXPOSE ${port:-5}
EXPOSE 5$port
USER $usr
VOLUME /$vol
WORKDIR /$wd
ADD --chown=$own plain.txt /
SHELL ["$x"]
ENTRYPOINT ["$y"]
HEALTHCHECK CMD $z
ONBUILD RUN $q
COPY --chmod=7$mod plain.txt /
COPY <<EOF /x
$inheredoc
EOF
ENV UP=$http_proxy H=$HTTP_PROXY SD=$SOURCE_DATE_EPOCH A=${abc+x} B=${abd-x} D=${abe:+x} E=$aaa$bbb$aaa F=${F1#x} G=${G1/x/y} H2=${H1%x}
ENV A='$quoted' B=\$escaped PATHX=/x:$PATHX LD=$LD_LIBRARY_PATH Z=$DEFIND
WORKDIR $(pwd)$1
