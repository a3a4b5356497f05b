/* `interrupt PID` presses Ctrl-C in the console of another process. */
#include <stdlib.h>
#include <windows.h>

int main(int count, char **words) {
    if (count != 2) return 2;
    FreeConsole();
    if (!AttachConsole(strtoul(words[1], NULL, 10))) return 3;
    SetConsoleCtrlHandler(NULL, TRUE);
    return GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0) ? 0 : 4;
}
