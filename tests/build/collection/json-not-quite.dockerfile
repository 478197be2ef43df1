FROM tiny
CMD ['single', 'quotes']
RUN [ "x" = "x" ] && echo yes > /yes
