#!/bin/sh
# A web server on port 80 or the given one that stops when it is told to:
# /version is the version of the image, /cgi-bin/hostname the name of the container.
httpd -f -p "${1:-80}" -h /www &
trap 'exit 0' TERM INT
wait
