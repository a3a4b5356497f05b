/* `git.exe` for Wine: starts the git of the machine outside. Wine can start it, but neither wait for it nor give it a pipe, so a shell
   reads and writes files and says at the end how git ended. Windows paths among the arguments become paths outside: all are on Z:. */
#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

static char line[60000];
static size_t length;

static void add(const char *text) {
    size_t more = strlen(text);
    if (length + more >= sizeof line) ExitProcess(125);
    memcpy(line + length, text, more + 1);
    length += more;
}

/* A word in single quotes of a shell. */
static void quote(const char *word, int is_path) {
    char letter[2] = {0, 0};
    add("'");
    for (; *word; word++) {
        letter[0] = is_path && *word == '\\' ? '/' : *word;
        add(*word == '\'' ? "'\\''" : letter);
    }
    add("'");
}

static const char *outside(const char *word) {
    return (word[0] == 'Z' || word[0] == 'z') && word[1] == ':' ? word + 2 : word;
}

static char folder[MAX_PATH];

/* A new file, and its path outside. */
static const char *temporary(void) {
    char *path = malloc(MAX_PATH);
    if (!path || !GetTempFileNameA(folder, "git", 0, path)) ExitProcess(124);
    for (char *at = path; *at; at++)
        if (*at == '\\') *at = '/';
    return outside(path);
}

static void copy(FILE *from, FILE *to) {
    static char bytes[65536];
    size_t count;
    if (!from || !to) ExitProcess(123);
    while ((count = fread(bytes, 1, sizeof bytes, from))) fwrite(bytes, 1, count, to);
    fflush(to);
}

static void redirect(const char *mark, const char *path) {
    add(mark);
    quote(path, 0);
}

int main(int count, char **words) {
    GetTempPathA(sizeof folder, folder);
    const char *in = temporary(), *out = temporary(), *error = temporary(), *ended = temporary(), *script = temporary();
    for (int stream = 0; stream < 3; stream++) setmode(stream, O_BINARY);
    if (GetFileType(GetStdHandle(STD_INPUT_HANDLE)) != FILE_TYPE_CHAR) {
        FILE *file = fopen(in, "wb");
        copy(stdin, file);
        fclose(file);
    }
    for (char **entry = _environ; *entry; entry++) {
        char *value = strchr(*entry, '=');
        if (strncmp(*entry, "GIT_", 4) || !value) continue;
        *value = 0;
        add("export ");
        add(*entry);
        redirect("=", value + 1);
        add("\n");
    }
    add("git");
    for (int at = 1; at < count; at++) {
        const char *word = outside(words[at]);
        add(" ");
        quote(word, word != words[at]);
    }
    redirect(" < ", in);
    redirect(" > ", out);
    redirect(" 2> ", error);
    redirect("\necho $? > ", ended);
    add("\n");
    FILE *file = fopen(script, "wb");
    if (!file || fputs(line, file) < 0 || fclose(file)) return 125;

    char command[MAX_PATH + 20];
    STARTUPINFOA start = {.cb = sizeof start};
    PROCESS_INFORMATION process;
    snprintf(command, sizeof command, "Z:\\bin\\sh %s", script);
    if (!CreateProcessA("Z:\\bin\\sh", command, NULL, NULL, FALSE, 0, NULL, NULL, &start, &process)) return 126;
    int code = -1;
    while (code < 0) {
        Sleep(2);
        file = fopen(ended, "r");
        if (file && fscanf(file, "%d", &code) != 1) code = -1;
        if (file) fclose(file);
    }
    copy(fopen(out, "rb"), stdout);
    copy(fopen(error, "rb"), stderr);
    remove(in);
    remove(out);
    remove(error);
    remove(ended);
    remove(script);
    return code;
}
