#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "pki/pki_impl.h"

/* libcrypto does not always note that memory was what it lacked, so it is asked for some. */
static bool memory_is_spent(void)
{
    void *probe = OPENSSL_malloc(4096);

    OPENSSL_free(probe);
    return probe == NULL;
}

const struct kt_fault *kt_pki_cause(const struct kt_fault *fault)
{
    bool memory = fault != NULL && memory_is_spent();
    unsigned long error;

    while ((error = ERR_get_error()) != 0) {
        memory |= ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE;
    }
    return memory ? KT_FAULT(MEMORY_SPENT) : fault;
}

void kt_pki_bytes_free(struct kt_pki_bytes *bytes)
{
    OPENSSL_clear_free(bytes->p, bytes->len);
    *bytes = (struct kt_pki_bytes){NULL, 0};
}

/* Reads to the end, or until `cap` bytes are there. */
static bool read_all(int fd, uint8_t *to, size_t cap, size_t *len)
{
    size_t got = 0;
    ssize_t n;

    do {
        n = read(fd, to + got, cap - got);
        got += n > 0 ? (size_t)n : 0;
    } while ((n > 0 && got < cap) || (n < 0 && errno == EINTR));
    *len = got;
    return n >= 0;
}

/* Pipes have no size that could be asked for, so the longest file allowed is provided for, and one byte more.
 */
const struct kt_fault *kt_pki_file_read(const char *path, struct kt_pki_bytes *out)
{
    const size_t cap = KT_PKI_FILE_MAX + 1;
    size_t len = 0;
    uint8_t *buffer;
    bool ok;
    int fd;

    if (path == NULL) {
        KT_FAIL(USAGE_ARGUMENT);
    }
    buffer = OPENSSL_malloc(cap);
    if (buffer == NULL) {
        return kt_pki_drained(KT_FAULT(MEMORY_SPENT));
    }
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    ok = fd >= 0 && read_all(fd, buffer, cap, &len) && len < cap;
    if (fd >= 0) {
        close(fd);
    }
    if (!ok) {
        OPENSSL_clear_free(buffer, len);
        KT_FAIL(FILE_UNREADABLE);
    }
    *out = (struct kt_pki_bytes){buffer, len};
    return NULL;
}
