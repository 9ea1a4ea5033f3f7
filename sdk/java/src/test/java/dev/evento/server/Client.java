package dev.evento.server;

import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/** A connection to a function, as Evento has it: requests one after the other, written by hand. */
final class Client implements AutoCloseable {
    /** What came back; header names are in lower case. */
    record Answer(int status, Map<String, String> headers, byte[] body) {
        String text() {
            return new String(body, StandardCharsets.UTF_8);
        }
    }

    private final SocketChannel channel;

    private Client(SocketChannel channel) {
        this.channel = channel;
    }

    static Client connect(String address) throws IOException {
        int colon = address.lastIndexOf(':');
        SocketAddress place = address.startsWith("unix:")
                ? UnixDomainSocketAddress.of(Path.of(address.substring(5)))
                : new InetSocketAddress(address.substring(0, colon), Integer.parseInt(address.substring(colon + 1)));
        return new Client(SocketChannel.open(place));
    }

    Answer get(String path) throws IOException {
        send("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n", new byte[0]);
        return receive();
    }

    /** Headers are pairs of name and value. */
    Answer post(String path, String type, byte[] body, String... headers) throws IOException {
        send(path, type, body, headers);
        return receive();
    }

    void send(String path, String type, byte[] body, String... headers) throws IOException {
        StringBuilder head = new StringBuilder("POST " + path + " HTTP/1.1\r\nHost: localhost\r\n");
        head.append("Content-Type: ").append(type).append("\r\nContent-Length: ").append(body.length).append("\r\n");
        for (int n = 0; n < headers.length; n += 2) {
            head.append(headers[n]).append(": ").append(headers[n + 1]).append("\r\n");
        }
        send(head.append("\r\n").toString(), body);
    }

    void send(String head, byte[] body) throws IOException {
        write(head.getBytes(StandardCharsets.ISO_8859_1));
        write(body);
    }

    void write(byte[] bytes) throws IOException {
        for (ByteBuffer buffer = ByteBuffer.wrap(bytes); buffer.hasRemaining(); ) {
            channel.write(buffer);
        }
    }

    Answer receive() throws IOException {
        String[] status = line().split(" ", 3);
        Map<String, String> headers = new LinkedHashMap<>();
        for (String line; !(line = line()).isEmpty(); ) {
            String[] field = line.split(": ", 2);
            headers.put(field[0].toLowerCase(), field[1]);
        }
        byte[] body = new byte[Integer.parseInt(headers.getOrDefault("content-length", "0"))];
        for (ByteBuffer buffer = ByteBuffer.wrap(body); buffer.hasRemaining(); ) {
            if (channel.read(buffer) < 0) {
                throw new EOFException();
            }
        }
        return new Answer(Integer.parseInt(status[1]), headers, body);
    }

    private String line() throws IOException {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        ByteBuffer one = ByteBuffer.allocate(1);
        while (true) {
            one.clear();
            if (channel.read(one) < 0) {
                throw new EOFException();
            }
            if (one.get(0) == '\n') {
                return line.toString(StandardCharsets.ISO_8859_1).stripTrailing();
            }
            line.write(one.get(0));
        }
    }

    /** Whether the function has closed the connection without a word. */
    boolean isClosedWithoutAnswer() throws IOException {
        try {
            return channel.read(ByteBuffer.allocate(1)) < 0;
        } catch (IOException reset) {
            return true;
        }
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
