# check=experimental=all
# bar this is the bar

# bar this is the bar
ARG foo=tiny
# foo
ARG foo=tiny
# base the description
FROM $foo AS base
# wrong here
FROM tiny AS build
# baz this is

ARG x
# note about y
ARG y
# y good
ARG y z
# nothing
FROM tiny
# run
RUN true
# a
# y two
ARG y
# y good
# second
ARG y
