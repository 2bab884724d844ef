#!/bin/sh
# Does nothing until it is told to stop, and then stops at once, as process 1 too.
trap 'exit 0' TERM INT
sleep 2147483647 &
wait
