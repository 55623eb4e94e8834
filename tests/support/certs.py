"""The certificates of the tests: one small PKI, made anew for each run in a temporary folder."""
import dataclasses
import datetime
import ipaddress
import pathlib
import subprocess

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

NOW = datetime.datetime.utcnow()
DAY = datetime.timedelta(days=1)
HOST = "localhost"
NAMES = ("localhost", "127.0.0.1", "::1")
PASSWORD = "correct horse"


@dataclasses.dataclass(frozen=True)
class Leaf:
    """A certificate chain (leaf first, PEM), the private key, and where both are."""
    name: str
    chain: pathlib.Path
    key: pathlib.Path
    certificate: x509.Certificate

    @property
    def fingerprint(self):
        return self.certificate.fingerprint(hashes.SHA256()).hex()


def _names(words):
    def general(word):
        try:
            return x509.IPAddress(ipaddress.ip_address(word))
        except ValueError:
            return x509.DNSName(word)
    return x509.SubjectAlternativeName([general(word) for word in words])


def _pem(certificates):
    return b"".join(c.public_bytes(serialization.Encoding.PEM) for c in certificates)


def _key_pem(key, password=None):
    how = serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how)


def _subject(name):
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Keyturn tests"),
                      x509.NameAttribute(NameOID.COMMON_NAME, name)])


class Authority:
    """A certificate with its key that signs others; `chain` is what a leaf must send along."""

    def __init__(self, name, parent=None):
        self.key = ec.generate_private_key(ec.SECP256R1())
        builder = (x509.CertificateBuilder()
                   .subject_name(_subject(name))
                   .issuer_name(parent.certificate.subject if parent else _subject(name))
                   .public_key(self.key.public_key())
                   .serial_number(x509.random_serial_number())
                   .not_valid_before(NOW - 30 * DAY)
                   .not_valid_after(NOW + 30 * DAY)
                   .add_extension(x509.BasicConstraints(True, 0 if parent else 1), critical=True)
                   .add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), True)
                   .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), False))
        self.certificate = builder.sign(parent.key if parent else self.key, hashes.SHA256())
        self.chain = [self.certificate, *parent.chain] if parent else []

    def issue(self, name, key, names=NAMES, purpose=ExtendedKeyUsageOID.SERVER_AUTH, start=NOW - DAY,
              end=NOW + 10 * DAY, serial=None, more=()):
        public = key.public_key()
        builder = (x509.CertificateBuilder()
                   .subject_name(_subject(name))
                   .issuer_name(self.certificate.subject)
                   .public_key(public)
                   .serial_number(serial or x509.random_serial_number())
                   .not_valid_before(start)
                   .not_valid_after(end)
                   .add_extension(x509.BasicConstraints(False, None), critical=True)
                   .add_extension(x509.KeyUsage(True, False, False, False, False, False, False, False, False), True)
                   .add_extension(x509.ExtendedKeyUsage([purpose]), False)
                   .add_extension(_names(names), False)
                   .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
                   .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False))
        for extension in more:
            builder = builder.add_extension(extension, False)
        return builder.sign(self.key, hashes.SHA256())


class Pki:
    """
    Leafs for localhost, one for each kind of key: p256 p384 p521 rsa rsa_pss ed25519.
    Clients, the same kinds: client_p256 ...; client_stranger (of another authority), client_expired.
    Each wrong in one way: expired not_yet wrong_name self_signed stranger weak_key wrong_purpose tampered.
    Other forms: encrypted (PKCS#8 under PASSWORD), pkcs12 (file under PASSWORD).
    """

    KINDS = ("p256", "p384", "p521", "rsa", "rsa_pss", "ed25519")

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.root = Authority("Test root")
        self.intermediate = Authority("Test intermediate", self.root)
        other = Authority("Other root")
        self.ca = self._write("ca.pem", _pem([self.root.certificate]))
        self.other_ca = self._write("other-ca.pem", _pem([other.certificate]))
        self.password_file = self._write("password", PASSWORD.encode() + b"\n")
        self.wrong_password_file = self._write("wrong-password", b"incorrect\n")

        keys = {"p256": ec.generate_private_key(ec.SECP256R1()),
                "p384": ec.generate_private_key(ec.SECP384R1()),
                "p521": ec.generate_private_key(ec.SECP521R1()),
                "rsa": rsa.generate_private_key(65537, 2048),
                "ed25519": ed25519.Ed25519PrivateKey.generate()}
        client = ExtendedKeyUsageOID.CLIENT_AUTH
        for kind, key in keys.items():
            setattr(self, kind, self._leaf(kind, key))
            setattr(self, f"client_{kind}", self._leaf(f"client_{kind}", key, purpose=client))
        self.rsa_pss = self._rsa_pss_leaf("rsa_pss", "serverAuth")
        self.client_rsa_pss = self._rsa_pss_leaf("client_rsa_pss", "clientAuth")

        key = keys["p256"]
        self.client_stranger = self._leaf("client_stranger", key, other, purpose=client)
        self.client_expired = self._leaf("client_expired", key, purpose=client, start=NOW - 20 * DAY,
                                         end=NOW - 10 * DAY)

        self.expired = self._leaf("expired", key, start=NOW - 20 * DAY, end=NOW - 10 * DAY)
        self.not_yet = self._leaf("not_yet", key, start=NOW + 10 * DAY, end=NOW + 20 * DAY)
        self.wrong_name = self._leaf("wrong_name", key, names=["other.test"])
        self.stranger = self._leaf("stranger", key, other)
        self.weak_key = self._leaf("weak_key", rsa.generate_private_key(65537, 1024))
        self.wrong_purpose = self._leaf("wrong_purpose", key, purpose=client)
        self.self_signed = self._self_signed(key)
        self.tampered = self._tampered(key)

        self.encrypted = self._write("encrypted.key", _key_pem(key, PASSWORD))
        self.pkcs12 = self._write("p256.p12", pkcs12.serialize_key_and_certificates(
            b"p256", key, self.p256.certificate, [self.intermediate.certificate],
            serialization.BestAvailableEncryption(PASSWORD.encode())))

    def leaf(self, name):
        return getattr(self, name)

    def naming(self, name, *urls, serial=None, must_staple=False):
        """A leaf that names OCSP responders."""
        more = [x509.AuthorityInformationAccess([x509.AccessDescription(
            AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(url)) for url in urls])]
        if must_staple:
            more.append(x509.TLSFeature([x509.TLSFeatureType.status_request]))
        return self._leaf(name, ec.generate_private_key(ec.SECP256R1()), serial=serial, more=more)

    def delegate(self, name, purpose=ExtendedKeyUsageOID.OCSP_SIGNING, issuer=None):
        """A certificate that may sign OCSP responses for the intermediate authority, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        return (issuer or self.intermediate).issue(name, key, purpose=purpose), key

    def issuer(self):
        """The intermediate authority itself, with its key."""
        return self._save("issuer", [self.intermediate.certificate], self.intermediate.key)

    def crl(self, name, *revoked, issuer=None, age=DAY, life=2 * DAY):
        """A revocation list (PEM): a file of that name."""
        issuer = issuer or self.intermediate
        builder = (x509.CertificateRevocationListBuilder().issuer_name(issuer.certificate.subject)
                   .last_update(NOW - age).next_update(NOW - age + life))
        for leaf in revoked:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(leaf.certificate.serial_number)
                .revocation_date(NOW - age).build())
        signed = builder.sign(issuer.key, hashes.SHA256())
        return self._write(name, signed.public_bytes(serialization.Encoding.PEM))

    def status(self, name, leaf=None, word="GOOD", age=DAY / 24, life=DAY):
        """An OCSP response (DER) of the intermediate authority on a leaf: a file of that name."""
        leaf, revoked = leaf or self.p256, word == "REVOKED"
        response = ocsp.OCSPResponseBuilder().add_response(
            leaf.certificate, self.intermediate.certificate, hashes.SHA1(), ocsp.OCSPCertStatus[word],
            NOW - age, NOW - age + life, NOW - age if revoked else None, None).responder_id(
            ocsp.OCSPResponderEncoding.NAME, self.intermediate.certificate).sign(self.intermediate.key, hashes.SHA256())
        return self._write(name, response.public_bytes(serialization.Encoding.DER))

    def _write(self, name, data):
        path = self.folder / name
        path.write_bytes(data)
        path.chmod(0o600)
        return path

    def _save(self, name, certificates, key):
        return Leaf(name, self._write(f"{name}.pem", _pem(certificates)),
                    self._write(f"{name}.key", _key_pem(key)), certificates[0])

    def _leaf(self, name, key, issuer=None, **fields):
        issuer = issuer or self.intermediate
        return self._save(name, [issuer.issue(name, key, **fields), *issuer.chain], key)

    def _self_signed(self, key):
        subject = _subject("self_signed")
        certificate = (x509.CertificateBuilder()
                       .subject_name(subject).issuer_name(subject).public_key(key.public_key())
                       .serial_number(x509.random_serial_number())
                       .not_valid_before(NOW - DAY).not_valid_after(NOW + 10 * DAY)
                       .add_extension(_names(NAMES), False)
                       .sign(key, hashes.SHA256()))
        return self._save("self_signed", [certificate], key)

    def _tampered(self, key):
        """The last byte of the issuer's signature is changed."""
        der = bytearray(self.intermediate.issue("tampered", key).public_bytes(serialization.Encoding.DER))
        der[-1] ^= 1
        return self._save("tampered", [x509.load_der_x509_certificate(bytes(der)), *self.intermediate.chain], key)

    def _rsa_pss_leaf(self, name, purpose):
        """python3-cryptography knows no id-RSASSA-PSS keys, the openssl command does."""
        key, leaf = self.folder / f"{name}.key", self.folder / f"{name}.leaf"
        issuer = self._save("intermediate", [self.intermediate.certificate], self.intermediate.key)

        def openssl(*words):
            subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)
        openssl("genpkey", "-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048", "-out", key)
        openssl("req", "-x509", "-new", "-key", key, "-subj", f"/O=Keyturn tests/CN={name}", "-days", 10,
                "-CA", issuer.chain, "-CAkey", issuer.key, "-out", leaf,
                "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1",
                "-addext", "basicConstraints=critical,CA:false",
                "-addext", f"extendedKeyUsage={purpose}", "-addext", "keyUsage=critical,digitalSignature")
        certificate = x509.load_pem_x509_certificate(leaf.read_bytes())
        chain = self._write(f"{name}.pem", _pem([certificate, *self.intermediate.chain]))
        return Leaf(name, chain, key, certificate)
