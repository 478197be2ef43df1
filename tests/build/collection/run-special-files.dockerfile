FROM tiny
RUN mkfifo /fifo && ln -s /nowhere /dangling && touch /h1 && ln /h1 /h2 && chmod 6755 /h1 && mkdir -m 1777 /sticky
RUN printf 'sparse' | dd of=/sparse bs=1 seek=100000 2>/dev/null
RUN touch "/with space" "/ünïcode" && mkdir -p /$(printf 'n%.0s' $(seq 1 120))/$(printf 'm%.0s' $(seq 1 120))
