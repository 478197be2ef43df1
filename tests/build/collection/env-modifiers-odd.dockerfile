FROM tiny
ENV V=foobarbaz S="a*b?c" P=/a/b/c.tar.gz N="" Q="it's"
ENV A=${V#f*b} B=${V##f*b} C=${V%b*} D=${V%%b*} E=${V/ba/fo} F=${V//ba/fo}
ENV G=${V#nope} H=${V%nope} I=${V/nope/x} K=${N#x} L=${N/x/y}
ENV M=${S#a\*} O=${S%\?c} R=${S/\*/-} T=${S//\?/}
ENV U=${P##*/} W=${P%/*} X=${P/\//_} Y=${P//\//_} Z=${P#*.}
ENV AA=${V/%baz/end} AB=${V/#foo/start}
ENV AC=${UNSET:-${V%%b*}} AD="${V:+${V#foo}}" AE=${V/o/$N} AF=${V//o/${Q}}
ENV AG=${V:-"quoted default"} AH=${UNSET:-'single $V'} AI=${UNSET:-"double $V"} AJ="${UNSET:-in quotes $V}"
ENV AK='${V}' AL="\${V}" AM=\$V AN=$V$V AO=${V}_x AP=$V.x AQ=$ AR=a$
ENV AS=${V?} AT=${V:?message} AU=${N?}
ENV AV=${V##*} AW=${V%%*} AX=${V#?} AY=${V%??} AZ=${V//?/x}
LABEL l=${V#foo} "k$V"=x
WORKDIR /${V%baz}
USER ${UNSET:-web}
EXPOSE ${UNSET:-80}/tcp
VOLUME /${V/bar/}
STOPSIGNAL ${UNSET:-SIGINT}
