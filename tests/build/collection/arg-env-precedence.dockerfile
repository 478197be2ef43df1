FROM tiny
ENV WHO=env
ARG WHO=arg
RUN echo $WHO > /who
ARG LATE=arg
ENV LATE=env-$LATE
RUN echo $LATE >> /who
