/* Any text as the address of a responder: what is taken can be put together again to the same parts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drive/ocsp_url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[4096], again[4096];
    struct kt_ocsp_url url, second;

    if (size >= sizeof text) {
        return 0;
    }
    memcpy(text, data, size);
    text[size] = '\0';
    if (!kt_ocsp_url_parse(text, &url)) {
        return 0;
    }
    (void)snprintf(again, sizeof again, "http://%s%s%s:%s%s", url.bracketed ? "[" : "", url.host,
                   url.bracketed ? "]" : "", url.port, url.path);
    if (!kt_ocsp_url_parse(again, &second) || strcmp(url.host, second.host) != 0 ||
        strcmp(url.port, second.port) != 0 || strcmp(url.path, second.path) != 0) {
        abort();
    }
    return 0;
}
