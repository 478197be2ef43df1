FROM tiny
ENV OLD the old form  with   spaces
ENV A=1 B="two words" C=three\ words D='single $A' E="double $A"
ENV F=$A$B G=${A}x H="quote\"d" I=\$A
ENV A=changed J=$A
ENV K= L="" M=a=b=c
RUN env | sort | grep -v HOSTNAME > /env
