import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Security;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLPeerUnverifiedException;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

/**
 * Java's TLS as a peer of the tests (support/java.py): an echo server, or a client of one that checks each byte.
 *
 * <p>Usage: {@code TlsPeer server|client [NAME=VALUE]...} with
 *
 * <pre>
 * version=TLSv1.3      the only version, or several: a,b
 * trust=FILE           PEM; authorities of the other side
 * chain=FILE key=FILE  PEM; what is shown to the other side
 * alpn=a,b             in order of preference
 * suite=NAME           the only suite
 * limit=BYTES          changes the key after so many bytes (TLS 1.3)
 * auth=need|want       server: asks for a certificate
 * port=N               client: where to connect to
 * count=N              client: connections, one after the other, which share their sessions
 * bytes=N              client: sends so many on each and wants them back
 * </pre>
 *
 * <p>The server says "listening on 127.0.0.1:PORT". Both say for each connection "connected NAME=VALUE ..." and at its
 * clean end "closed bytes=N", or "failed REASON". Groups are chosen by the system property jdk.tls.namedGroups.
 */
public final class TlsPeer {
    private static final int PIECE = 16384;
    private static final int PATIENCE_MS = 30000;

    private final Map<String, String> options = new HashMap<>();
    private final SSLContext context;

    private TlsPeer(String[] words) throws Exception {
        for (String word : words) {
            String[] pair = word.split("=", 2);
            options.put(pair[0], pair[1]);
        }
        if (has("limit")) {
            String limit = " KeyUpdate " + options.get("limit");
            Security.setProperty("jdk.tls.keyLimits", "AES/GCM/NoPadding" + limit + ", ChaCha20-Poly1305" + limit);
        }
        context = SSLContext.getInstance("TLS");
        context.init(has("chain") ? credential() : null, has("trust") ? authorities() : null, null);
    }

    private boolean has(String name) {
        return options.containsKey(name);
    }

    private int number(String name, int otherwise) {
        return Integer.parseInt(options.getOrDefault(name, Integer.toString(otherwise)));
    }

    private X509Certificate[] certificates(String name) throws Exception {
        try (InputStream file = Files.newInputStream(Path.of(options.get(name)))) {
            return CertificateFactory.getInstance("X.509").generateCertificates(file).toArray(new X509Certificate[0]);
        }
    }

    private javax.net.ssl.KeyManager[] credential() throws Exception {
        Certificate[] chain = certificates("chain");
        String pem = Files.readString(Path.of(options.get("key")));
        byte[] der = Base64.getMimeDecoder().decode(pem.replaceAll("-----[^-]*-----", ""));
        String kind = chain[0].getPublicKey().getAlgorithm();
        PrivateKey key = KeyFactory.getInstance(kind).generatePrivate(new PKCS8EncodedKeySpec(der));
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        store.setKeyEntry("own", key, new char[0], chain);
        KeyManagerFactory factory = KeyManagerFactory.getInstance("PKIX");
        factory.init(store, new char[0]);
        return factory.getKeyManagers();
    }

    private javax.net.ssl.TrustManager[] authorities() throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        for (X509Certificate authority : certificates("trust")) {
            store.setCertificateEntry(authority.getSubjectX500Principal().getName(), authority);
        }
        TrustManagerFactory factory = TrustManagerFactory.getInstance("PKIX");
        factory.init(store);
        return factory.getTrustManagers();
    }

    private SSLParameters parameters(SSLParameters of) {
        of.setProtocols(options.getOrDefault("version", "TLSv1.3").split(","));
        if (has("suite")) {
            of.setCipherSuites(new String[] {options.get("suite")});
        }
        if (has("alpn")) {
            of.setApplicationProtocols(options.get("alpn").split(","));
        }
        of.setNeedClientAuth("need".equals(options.get("auth")));
        if ("want".equals(options.get("auth"))) {
            of.setWantClientAuth(true);
        }
        return of;
    }

    private static void say(String line) {
        System.out.println(line);
        System.out.flush();
    }

    private static String peer(SSLSocket socket) {
        try {
            return ((X509Certificate) socket.getSession().getPeerCertificates()[0]).getSerialNumber().toString(16);
        } catch (SSLPeerUnverifiedException none) {
            return "-";
        }
    }

    private static void handshake(SSLSocket socket) throws IOException {
        socket.setSoTimeout(PATIENCE_MS);
        socket.startHandshake();
        String alpn = socket.getApplicationProtocol();
        say("connected version=" + socket.getSession().getProtocol() + " suite=" + socket.getSession().getCipherSuite()
            + " alpn=" + (alpn == null || alpn.isEmpty() ? "-" : alpn) + " peer=" + peer(socket));
    }

    private static void echo(SSLSocket socket) throws IOException {
        byte[] piece = new byte[PIECE];
        InputStream in = socket.getInputStream();
        long total = 0;
        int len;
        handshake(socket);
        while ((len = in.read(piece)) >= 0) {
            socket.getOutputStream().write(piece, 0, len);
            total += len;
        }
        socket.close();
        say("closed bytes=" + total);
    }

    private static void serve(SSLSocket socket) {
        try (socket) {
            echo(socket);
        } catch (IOException wrong) {
            say("failed " + wrong.getMessage());
        }
    }

    private void server() throws IOException {
        try (SSLServerSocket listener = (SSLServerSocket) context.getServerSocketFactory()
                .createServerSocket(0, 50, InetAddress.getByAddress(new byte[] {127, 0, 0, 1}))) {
            listener.setSSLParameters(parameters(listener.getSSLParameters()));
            say("listening on 127.0.0.1:" + listener.getLocalPort());
            while (true) {
                serve((SSLSocket) listener.accept());
            }
        }
    }

    /** In step: JSSE derives wrong keys when one thread reads and another writes while both change them. */
    private static void exchange(SSLSocket socket, byte[] data) throws IOException {
        for (int at = 0; at < data.length; at += PIECE) {
            int len = Math.min(PIECE, data.length - at);
            socket.getOutputStream().write(data, at, len);
            byte[] back = socket.getInputStream().readNBytes(len);
            if (!Arrays.equals(data, at, at + len, back, 0, back.length)) {
                throw new IOException("of " + len + " bytes " + back.length + " came back, or others");
            }
        }
        socket.shutdownOutput();
        if (socket.getInputStream().read() >= 0) {
            throw new IOException("more came back than was sent");
        }
        say("closed bytes=" + data.length);
    }

    private void connect(byte[] data) throws Exception {
        Socket raw = new Socket();
        raw.connect(new InetSocketAddress("127.0.0.1", number("port", 0)), PATIENCE_MS);
        try (SSLSocket socket = (SSLSocket) context.getSocketFactory()
                .createSocket(raw, "localhost", raw.getPort(), true)) {
            SSLParameters how = parameters(socket.getSSLParameters());
            how.setEndpointIdentificationAlgorithm("HTTPS");
            socket.setSSLParameters(how);
            handshake(socket);
            exchange(socket, data);
        }
    }

    private void client() {
        byte[] data = new byte[number("bytes", PIECE)];
        new Random(1).nextBytes(data);
        try {
            for (int left = number("count", 1); left > 0; left--) {
                connect(data);
            }
        } catch (Exception wrong) {
            say("failed " + wrong.getMessage());
            System.exit(1);
        }
    }

    public static void main(String[] words) throws Exception {
        TlsPeer peer = new TlsPeer(Arrays.copyOfRange(words, 1, words.length));
        if (words[0].equals("server")) {
            peer.server();
        } else {
            peer.client();
        }
    }
}
