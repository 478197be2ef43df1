FROM tiny
ENV SET=value EMPTY= PATHY=/usr/local/lib/x.tar.gz
ENV A=${SET:-no} B=${UNSET:-default} C=${EMPTY:-filled} D=${EMPTY-kept} E=${SET:+alt} F=${UNSET:+alt}x G=${EMPTY:+alt}y H=${EMPTY+alt}
ENV I=${PATHY#*/} J=${PATHY##*/} K=${PATHY%.*} L=${PATHY%%.*} M=${SET#va} N=${SET%e}
ENV O=${PATHY/l/L} P=${PATHY//l/L} Q=${SET/?a/_} R=${PATHY//\//-}
ENV S=${UNSET:-${SET:-deep}} T=${UNSET:-$PATHY}
