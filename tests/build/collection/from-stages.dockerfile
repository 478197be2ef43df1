FROM tiny AS base
RUN echo base > /base
FROM base AS left
RUN echo left > /left
FROM base AS right
RUN echo right > /right
FROM base AS unused
RUN false
FROM left
COPY --from=right /right /
COPY --from=1 /left /by-number
