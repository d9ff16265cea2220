# Nothing but the C library, with its character sets, and accounts.
ARG BASE
FROM ${BASE} AS source
RUN mkdir -p /bare/etc /bare/tmp && chmod 1777 /bare/tmp && cp /etc/passwd /bare/etc \
    && dpkg -L libc6 | while read -r path; do \
         if [ -f "$path" ] && [ "${path#*/share/}" = "$path" ]; then \
             cp --parents "$path" /bare; fi; done \
    && for link in lib lib64; do \
         if [ -L /$link ] && [ -d /bare/$link ]; then mkdir -p /bare/usr/$link && cp -a /bare/$link/. /bare/usr/$link \
             && rm -r /bare/$link && cp -a /$link /bare; fi; done

FROM scratch
COPY --from=source /bare /
ENV PATH=/usr/local/bin
