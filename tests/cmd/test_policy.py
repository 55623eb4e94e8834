"""keyturn policy, and --policy of connect and serve: named policies and those of files."""
import pytest

from support import command

NAMES = ["2026-modern", "2026-compatible", "2026-legacy"]


@pytest.fixture
def policy(tmp_path):
    """Writes a policy file."""
    def write(text):
        path = tmp_path / "site.policy"
        path.write_text(text)
        return path
    return write


def fields(text):
    return dict(line.split(" = ", 1) for line in text.splitlines())


def printed(cli, *words):
    done = cli.run("policy", *words)
    assert (done.code, done.err) == (command.DONE, ""), done.err
    return done.out.decode()


def test_the_list_has_all_names(cli):
    assert printed(cli, "--list").splitlines() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_named_policy_survives_being_printed_and_read(cli, policy, name):
    text = printed(cli, name)
    assert fields(text)["based-on"] == name
    assert printed(cli, name.split("-")[1].upper()) == text
    assert printed(cli, policy(text)) == text


def test_the_default_is_the_modern_one(cli):
    assert printed(cli) == printed(cli, "2026-modern")


def test_a_file_survives_being_printed_and_read(cli, policy):
    text = printed(cli, policy("based-on = compatible\ngroups = p-521 # slow\nmin-rsa-bits = 3072\n"
                               "sending-records = 18446744073709551615\nmin-gap-ms = 5\npeer-budget = 7\n"))
    told = fields(text)
    assert told["groups"] == "secp521r1" and told["min-rsa-bits"] == "3072" and told["peer-budget"] == "7"
    assert told["sending-records"] == "18446744073709551615" and told["receiving-records"] == "0"
    assert told["schemes"].startswith("rsa_pss_rsae_sha256, ")
    assert printed(cli, policy(text)) == text


@pytest.mark.parametrize("text, line, word, problem", [
    ("suits = AES-128-GCM", 1, "suits", "no field is called so"),
    ("\ngroups = x25519, P-257", 2, "P-257", "no value of this field is called so"),
    ("groups = x25519\ngroups = P-256", 2, "groups", "the field stands there twice"),
    ("groups = x25519, X25519", 1, "X25519", "the value stands in the list twice"),
    ("# none\n\ngroups =", 3, "groups", "the field has no value"),
    ("groups = x25519,", 1, "groups", "a value of the list is missing"),
    ("groups x25519", 1, "groups x25519", "there is no = in the line"),
    ("min-rsa-bits = 1024", 1, "1024", "the number is out of range"),
    ("sending-bytes = 1k", 1, "1k", "it is not a number"),
    ("based-on = ancient", 1, "ancient", "no policy is called so"),
    ("versions = TLSv1.2, SSLv3", 1, "SSLv3", "SSL 3.0 is broken (RFC 7568)"),
    ("\nsuites = AES-128-GCM, RC4-SHA", 2, "RC4-SHA", "RC4 is broken (RFC 7465)"),
])
def test_an_error_has_line_and_word(cli, policy, text, line, word, problem):
    path = policy(text + "\n")
    for words in (("policy", path), ("connect", "127.0.0.1:1", "--insecure", "--policy", path)):
        done = cli.run(*words)
        said = command.failure(done.err)
        assert done.code == command.FILES and done.out == b"", done.err
        assert said.what == f'{path}:{line}: "{word}": {problem}'
        assert (said.reason, said.alert) == ("POLICY_MALFORMED", "-") and said.hint


def test_what_is_never_negotiated_is_listed_with_its_reason(cli):
    told = printed(cli, "--refused").splitlines()
    assert "suites: RC4: RC4 is broken (RFC 7465)" in told and "versions: SSLv3: SSL 3.0 is broken (RFC 7568)" in told


def test_versions_are_limited_by_options(cli):
    server = cli.serve("--min-version", "TLSv1.3", "--max-version", "1.3")
    told = command.connected(cli.connect(server.port, "--min-version", "1.3").err)
    assert told[None] == ["TLSv1.3"]
    done = cli.run("connect", "127.0.0.1:1", "--insecure", "--min-version", "1.3", "--max-version", "1.2")
    said = command.failure(done.err)
    assert said.what.startswith("versions: ") and said.reason == "CONFIG_VERSIONS"
    assert cli.run("connect", "127.0.0.1:1", "--insecure", "--min-version", "SSLv3").code == command.USAGE


def test_a_missing_file_is_said(cli):
    for words in (("policy", "ancient"), ("serve", "--listen", "127.0.0.1:0", "--echo", "--policy", "ancient")):
        done = cli.run(*words)
        said = command.failure(done.err)
        assert done.code == command.FILES
        assert said.what.startswith("ancient: ") and "No such file" in said.what and said.reason == "FILE_UNREADABLE"


def test_wrong_words_are_said(cli):
    assert cli.run("policy", "modern", "compatible").code == command.USAGE
    assert cli.run("policy", "--nonsense").code == command.USAGE
    assert b"--list" in cli.run("policy", "--help").out


def test_what_cannot_work_names_its_field(cli, policy):
    for text, what, reason in (("versions = TLSv1.3, TLSv1.1", "versions 2", "CONFIG_VERSIONS"),
                               ("versions = TLSv1.3\nschemes = ed25519, rsa_pkcs1_sha256", "schemes 2",
                                "CONFIG_SCHEMES"),
                               ("suites = AES-128-GCM, AES128-SHA", "suites 2", "CONFIG_SUITES"),
                               ("schemes = ed25519\nmin-curve-bits = 384", "min_curve_bits", "CONFIG_SCHEMES"),
                               ("min-gap-ms = 2001\nsending-seconds = 2", "lifetime.min_gap_ms", "CONFIG_LIFETIME")):
        done = cli.run("connect", "127.0.0.1:1", "--insecure", "--policy", policy(text))
        said = command.failure(done.err)
        assert done.code == command.FILES
        assert said.what.startswith(what + ": ") and said.reason == reason


def test_a_named_policy_is_seen_on_the_connection(cli):
    server = cli.serve()
    assert command.connected(cli.connect(server.port).err)["group"] == "x25519"
    assert command.connected(cli.connect(server.port, "--policy", "compatible").err)["group"] == "secp256r1"


def test_a_file_is_seen_on_the_connection(cli, policy):
    path = policy("suites = AES-256-GCM\ngroups = P-384\n")
    for server, options in ((cli.serve(), ("--policy", path)), (cli.serve("--policy", path), ())):
        told = command.connected(cli.connect(server.port, *options).err)
        assert (told["suite"], told["group"]) == ("TLS_AES_256_GCM_SHA384", "secp384r1")


def test_options_override_the_policy_wherever_they_stand(cli, policy):
    path = policy("suites = AES-256-GCM\ngroups = P-384\n")
    server = cli.serve()
    for options in (("--groups", "P-521", "--policy", path), ("--policy", path, "--groups", "P-521")):
        told = command.connected(cli.connect(server.port, *options).err)
        assert (told["suite"], told["group"]) == ("TLS_AES_256_GCM_SHA384", "secp521r1")


@pytest.mark.parametrize("options, changes", [((), True), (("--rekey-records", "0"), False)])
def test_the_lifetime_is_that_of_the_policy_until_an_option_says_otherwise(cli, policy, options, changes):
    server = cli.serve("--sink")
    path = policy("sending-bytes = 0\nsending-records = 1\nmin-gap-ms = 0\n")
    done = cli.connect(server.port, "--policy", path, *options, data=bytes(160000))
    assert done.code == command.DONE, done.err
    assert (int(command.closed(done.err)["epochs-sent"]) > 5) == changes


def test_the_size_of_keys_is_that_of_the_policy(cli, policy):
    path = policy("min-curve-bits = 384\n")
    server = cli.serve()  # P-256
    done = cli.connect(server.port, "--policy", path)
    assert done.code == command.UNVERIFIED
    assert command.failure(done.err).reason == "CERTIFICATE_KEY_WEAK"


def test_the_size_of_keys_holds_for_clients_too(cli, pki, policy):
    path = policy("min-curve-bits = 384\n")
    server = cli.serve("--client-ca", pki.ca, "--client-auth", "require", "--policy", path)
    cli.connect(server.port, *command.client_auth(pki.client_p256))
    assert server.wait_failure().reason == "CERTIFICATE_KEY_WEAK"
