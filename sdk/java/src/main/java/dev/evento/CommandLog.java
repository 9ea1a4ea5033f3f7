package dev.evento;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.text.MessageFormat;
import java.util.ResourceBundle;

/** Lines to stderr that begin with the level and the command's id, one for each line of the message. */
record CommandLog(String commandId) implements System.Logger {
    @Override
    public String getName() {
        return "evento.command";
    }

    @Override
    public boolean isLoggable(Level level) {
        Level least = "1".equals(System.getenv("EVENTO_DEV")) ? Level.DEBUG : Level.INFO;
        return level.getSeverity() >= least.getSeverity();
    }

    @Override
    public void log(Level level, ResourceBundle bundle, String message, Throwable thrown) {
        if (isLoggable(level)) {
            StringWriter text = new StringWriter();
            text.write(String.valueOf(message));
            if (thrown != null) {
                text.write('\n');
                thrown.printStackTrace(new PrintWriter(text, true));
            }
            print(level, text.toString());
        }
    }

    @Override
    public void log(Level level, ResourceBundle bundle, String format, Object... parameters) {
        if (isLoggable(level)) {
            boolean plain = parameters == null || parameters.length == 0;
            print(level, plain ? String.valueOf(format) : MessageFormat.format(format, parameters));
        }
    }

    private void print(Level level, String text) {
        StringBuilder lines = new StringBuilder();
        text.lines().forEach(line ->
                lines.append(level).append(" [").append(commandId).append("] ").append(line).append('\n'));
        System.err.print(lines);
    }
}
