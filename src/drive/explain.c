#include "drive/explain.h"

#include <keyturn/drive.h>

#include <stdio.h>
#include <string.h>

#include "base/compiler.h"

struct advice {
    int on; /* reason, or alert received */
    const char *text;
};

static const struct advice for_reasons[] = {
    {KT_REASON_RECORD_VERSION_BAD, "check that the port is that of a TLS service"},
    {KT_REASON_RECORD_NOT_TLS, "check that the port is that of a TLS service; some speak plain text before (STARTTLS)"},
    {KT_REASON_RECORD_BAD_MAC, "something between the two sides changes the bytes; look at proxies and hardware"},
    {KT_REASON_TRUNCATED,
     "treat what was received as incomplete; the peer crashed, was cut off or does not close well"},
    {KT_REASON_HANDSHAKE_CUT, "look at the log of the peer: it hung up without saying why"},
    {KT_REASON_TRANSPORT_FAILED, "check the network between the two sides, and whether the peer is still running"},
    {KT_REASON_KEY_UPDATE_FLOOD, "the peer changes keys too often; allow more by the peer budget if it is trusted"},
    {KT_REASON_VERSION_NOT_SUPPORTED, "the peer is too old: TLS 1.3 is needed"},
    {KT_REASON_DOWNGRADE_DETECTED, "somebody between the two sides lowers the version; look for inspecting proxies"},
    {KT_REASON_SUITE_NONE_IN_COMMON, "allow a cipher suite that the peer has"},
    {KT_REASON_GROUP_NONE_IN_COMMON, "allow a key exchange group that the peer has"},
    {KT_REASON_SCHEME_NONE_IN_COMMON, "use a certificate with a kind of key that the peer accepts"},
    {KT_REASON_NAME_NOT_SERVED, "the client asks for a name that no certificate here is for"},
    {KT_REASON_ALPN_NONE_IN_COMMON, "offer an application protocol that the peer speaks"},
    {KT_REASON_CERTIFICATE_REQUEST_FLOOD, "the server asks for a certificate again before it has read the answers"},
    {KT_REASON_USAGE_POST_AUTH, "ask only clients of which kt_conn_facts says that they offered it"},
    {KT_REASON_CERTIFICATE_REQUIRED, "the client must be given a certificate"},
    {KT_REASON_CERTIFICATE_KEY_WEAK, "the peer needs a certificate with a longer key"},
    {KT_REASON_CERTIFICATE_NAME_MISMATCH, "connect by a name the certificate is for, or say which name to expect"},
    {KT_REASON_CERTIFICATE_EXPIRED, "the peer must renew its certificate; check the clock of this host, too"},
    {KT_REASON_CERTIFICATE_NOT_YET_VALID, "check the clock of this host; it may be behind"},
    {KT_REASON_CERTIFICATE_UNTRUSTED, "trust the authority of the peer, or have the peer send its whole chain"},
    {KT_REASON_CERTIFICATE_SELF_SIGNED, "if you know that this certificate is the right one, trust it as an authority"},
    {KT_REASON_CERTIFICATE_PURPOSE_WRONG, "the certificate was issued for another use (server, client, mail, ...)"},
    {KT_REASON_CERTIFICATE_STATUS_MISSING, "the peer must staple an OCSP response to its certificate"},
    {KT_REASON_CERTIFICATE_STATUS_FOREIGN, "the peer must staple the OCSP response of the certificate that it shows"},
    {KT_REASON_CERTIFICATE_STATUS_EXPIRED, "the peer must renew its OCSP response; check the clock of this host, too"},
    {KT_REASON_CERTIFICATE_STATUS_NO_RESPONDER,
     "without a responder named by the certificate (http, port 80, not on this host) it must be stapled, or not asked "
     "for"},
    {KT_REASON_CERTIFICATE_STATUS_UNREACHABLE, "check the way to the responder, or do not insist on its answer"},
    {KT_REASON_CERTIFICATE_STATUS_NO_ANSWER,
     "the responder is wrong or overloaded; try again, or do not insist on its answer"},
    {KT_REASON_CERTIFICATE_STATUS_NONCE_WRONG, "the responder answers somebody else; look for caches between"},
    {KT_REASON_CERTIFICATE_CRL_MISSING, "fetch the revocation lists of all authorities of the chain"},
    {KT_REASON_CERTIFICATE_CRL_UNUSABLE, "fetch the revocation lists anew; check the clock of this host, too"},
    {KT_REASON_CERTIFICATE_REVOKED, "do not go on: the authority says that this certificate must not be used"},
    {KT_REASON_LIFETIME_NO_ANSWER, "the peer does not change keys when asked; give it more time or higher limits"},
    {KT_REASON_LIFETIME_AEAD_LIMIT, "open a new connection"},
    {KT_REASON_LIFETIME_EPOCHS_SPENT, "open a new connection"},
    {KT_REASON_CONFIG_CREDENTIAL_MISSING, "give a certificate and its key"},
    {KT_REASON_CONFIG_CREDENTIAL_UNUSABLE, "allow a signature scheme that fits the key of the certificate"},
    {KT_REASON_POLICY_MALFORMED, "keyturn policy prints a policy in the form that is understood"},
    {KT_REASON_CONFIG_SERVER_NAME, "give a host name in ASCII (xn-- form) or an IP address"},
    {KT_REASON_KEY_PASSWORD_WRONG, "give the right password of the key"},
    {KT_REASON_KEY_MISMATCH, "give the key that belongs to the first certificate of the file"},
    {KT_REASON_KEY_UNSUPPORTED, "use RSA, ECDSA with P-256, P-384 or P-521, or Ed25519"},
    {KT_REASON_KEY_WEAK, "use RSA of 2048 bits or more, or ECDSA"},
    {KT_REASON_PKCS12_MALFORMED, "give the right password of the file, and check that it is PKCS#12"},
    {KT_REASON_PEM_MALFORMED, "check that the file is PEM text and complete"},
    {KT_REASON_PEM_MISSING, "check that the file holds a PEM block of that kind, and that the files are not swapped"},
    {KT_REASON_FILE_UNREADABLE, "check the name of the file and who may read it"},
    {KT_REASON_FILE_UNWRITABLE, "check that the directory exists and may be written; symbolic links are not followed"},
    {KT_REASON_FILE_NOT_PRIVATE, "chmod 600 it, or use another file"},
    {KT_REASON_TRUST_EMPTY, "install the system's certificates (ca-certificates), or name a file of authorities"},
    {KT_REASON_ADDRESS_UNKNOWN, "check the spelling of host and port, and the name service"},
    {KT_REASON_CONNECT_FAILED,
     "check that the address is right, that the service runs there and no firewall is between"},
};

/* What the peer means by its alert, seen from our side. */
static const struct advice for_alerts[] = {
    {KT_ALERT_CLOSE_NOTIFY, "the peer closed before the handshake was done; look at its log"},
    {KT_ALERT_HANDSHAKE_FAILURE, "the peer has no cipher suite, group or signature scheme in common; allow more"},
    {KT_ALERT_BAD_CERTIFICATE, "the peer does not accept our certificate; look at its log"},
    {KT_ALERT_UNSUPPORTED_CERTIFICATE, "the peer does not accept this kind of certificate; use another key or purpose"},
    {KT_ALERT_CERTIFICATE_REVOKED, "our certificate was revoked; get a new one"},
    {KT_ALERT_CERTIFICATE_EXPIRED, "our certificate has expired in the eyes of the peer; renew it, compare clocks"},
    {KT_ALERT_CERTIFICATE_UNKNOWN, "the peer does not accept our certificate; look at its log"},
    {KT_ALERT_UNKNOWN_CA,
     "the peer does not trust the authority of our certificate; send the whole chain or add it there"},
    {KT_ALERT_ACCESS_DENIED, "the peer knows who we are and does not let us in"},
    {KT_ALERT_PROTOCOL_VERSION, "the peer does not speak TLS 1.3"},
    {KT_ALERT_UNRECOGNIZED_NAME, "the server does not serve the name asked for"},
    {KT_ALERT_BAD_CERTIFICATE_STATUS_RESPONSE, "the peer does not accept our stapled OCSP response; renew it"},
    {KT_ALERT_CERTIFICATE_REQUIRED, "the peer requires a client certificate; give one with its key"},
    {KT_ALERT_NO_APPLICATION_PROTOCOL, "offer an application protocol that the peer speaks"},
    {KT_ALERT_INTERNAL_ERROR, "the peer had a problem of its own; look at its log"},
};

static const char *find(const struct advice *list, size_t count, int on)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i].on == on) {
            return list[i].text;
        }
    }
    return NULL;
}

static const char *for_kind(enum kt_kind kind)
{
    switch (kind) {
    case KT_KIND_PEER:
        return "the peer breaks the protocol; look for a newer version of it";
    case KT_KIND_POLICY:
        return "the configuration of this side does not allow it";
    case KT_KIND_USAGE:
        return "check the options and the calls of the program";
    case KT_KIND_CRYPTO:
        return "keys or proofs do not fit; if it happens again, suspect the peer or the bytes between";
    case KT_KIND_MEMORY:
        return "there is no more memory; close something else";
    case KT_KIND_TRANSPORT:
        return "check the network";
    case KT_KIND_INTERNAL:
        return "this is a defect of Keyturn; please report it with the reason";
    }
    return "look at the log of both sides";
}

const char *kt_explain_advice(const struct kt_fault *fault, int alert)
{
    const char *text = NULL;

    if (fault == NULL) {
        return "nothing has failed";
    }
    if (fault->reason == KT_REASON_ALERT_RECEIVED) {
        text = find(for_alerts, KT_COUNT_OF(for_alerts), alert);
        return text != NULL ? text : "the peer says that we break the protocol; look at its log";
    }
    text = find(for_reasons, KT_COUNT_OF(for_reasons), fault->reason);
    return text != NULL ? text : for_kind((enum kt_kind)fault->kind);
}

void kt_explain_write(const struct kt_fault *fault, int alert, bool told, int error, char *out, size_t cap)
{
    bool received = fault != NULL && fault->reason == KT_REASON_ALERT_RECEIVED && alert >= 0;
    const char *name = "-";
    const char *how = "";

    if (fault == NULL) {
        (void)snprintf(out, cap, "nothing has failed");
        return;
    }
    if (received) {
        name = kt_alert_name((uint8_t)alert);
        how = " received";
    } else if (told) {
        name = kt_alert_name(fault->alert);
        how = " sent";
    }
    (void)snprintf(out, cap, "%s%s%s%s%s (reason=%s alert=%s%s)", kt_reason_text((enum kt_reason)fault->reason),
                   received ? ": " : "", received ? kt_alert_text((uint8_t)alert) : "", error != 0 ? ": " : "",
                   error != 0 ? strerror(error) : "", kt_reason_name((enum kt_reason)fault->reason), name, how);
}

/* The peer is told of what the engine itself found; not of ends of the transport, and not in answer to an
 * alert. */
static bool was_told(const struct kt_fault *fault, const struct kt_conn *conn)
{
    return conn != NULL && fault == kt_conn_fault(conn) && fault->kind != KT_KIND_TRANSPORT &&
           fault->reason != KT_REASON_ALERT_RECEIVED;
}

void kt_explain(const struct kt_fault *fault, const struct kt_conn *conn, int error, char *out, size_t cap)
{
    int alert = conn != NULL ? kt_conn_alert_received(conn) : -1;

    kt_explain_write(fault, alert, fault != NULL && was_told(fault, conn), error, out, cap);
}

const char *kt_explain_hint(const struct kt_fault *fault, const struct kt_conn *conn)
{
    return kt_explain_advice(fault, conn != NULL ? kt_conn_alert_received(conn) : -1);
}
