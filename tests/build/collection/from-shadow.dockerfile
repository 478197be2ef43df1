FROM tiny AS tiny
RUN echo shadow > /shadow
FROM tiny
RUN cat /shadow > /seen
