FROM tiny
LABEL old the rest of the line
LABEL a=1 b="two words" "c d"="e" f='single'
LABEL multi="line \
continued" other=x
LABEL a=again
LABEL empty= com.example/x.y-z=1
