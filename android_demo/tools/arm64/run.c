/* run LIBRARY MODEL HEIGHT WIDTH THREADS OUTPUT NAME=FILE…: one call of a network by TensorFlow Lite's C interface.
   Files hold float32 of this machine's byte order; an input of 3 values a pixel or 1 takes HEIGHT × WIDTH of them. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* bionic keeps the word that guards stacks 40 bytes behind the thread pointer, where the executable's own
   thread-local storage begins with glibc: that place is taken, so that nobody writes to it. */
__thread long guard[64] __attribute__((aligned(16))) = {0x1234};

static void fail(const char *what) {
    fprintf(stderr, "%s\n", what);
    exit(1);
}
static void *content(const char *path, long *size) {
    FILE *file = fopen(path, "rb");
    if (!file) fail(path);
    fseek(file, 0, SEEK_END);
    *size = ftell(file);
    rewind(file);
    void *bytes = malloc(*size + 64);
    if (fread(bytes, 1, *size, file) != (size_t)*size) fail(path);
    fclose(file);
    return bytes;
}

int main(int count, char **words) {
    if (count < 8) fail("run LIBRARY MODEL HEIGHT WIDTH THREADS OUTPUT NAME=FILE...");
    guard[63] = 1;
    void *library = dlopen(words[1], RTLD_NOW);
    if (!library) fail(dlerror());
#define TAKE(result, name, ...) \
    result (*name)(__VA_ARGS__) = (result(*)(__VA_ARGS__))dlsym(library, #name); \
    if (!name) fail("no " #name);
    TAKE(void *, TfLiteModelCreate, const void *, size_t)
    TAKE(void *, TfLiteInterpreterOptionsCreate, void)
    TAKE(void, TfLiteInterpreterOptionsSetNumThreads, void *, int)
    TAKE(void *, TfLiteInterpreterCreate, void *, void *)
    TAKE(int, TfLiteInterpreterGetInputTensorCount, void *)
    TAKE(void *, TfLiteInterpreterGetInputTensor, void *, int)
    TAKE(int, TfLiteInterpreterResizeInputTensor, void *, int, const int *, int)
    TAKE(int, TfLiteInterpreterAllocateTensors, void *)
    TAKE(const char *, TfLiteTensorName, void *)
    TAKE(int, TfLiteTensorNumDims, void *)
    TAKE(int, TfLiteTensorDim, void *, int)
    TAKE(size_t, TfLiteTensorByteSize, void *)
    TAKE(int, TfLiteTensorCopyFromBuffer, void *, const void *, size_t)
    TAKE(int, TfLiteInterpreterInvoke, void *)
    TAKE(void *, TfLiteInterpreterGetOutputTensor, void *, int)
    TAKE(int, TfLiteTensorCopyToBuffer, void *, void *, size_t)
    long size;
    void *bytes = content(words[2], &size);
    void *model = TfLiteModelCreate(bytes, size);
    if (!model) fail("no model");
    void *options = TfLiteInterpreterOptionsCreate();
    TfLiteInterpreterOptionsSetNumThreads(options, atoi(words[5]));
    void *interpreter = TfLiteInterpreterCreate(model, options);
    if (!interpreter) fail("no interpreter");
    int inputs = TfLiteInterpreterGetInputTensorCount(interpreter);
    for (int i = 0; i < inputs; i++) {
        void *tensor = TfLiteInterpreterGetInputTensor(interpreter, i);
        if (TfLiteTensorNumDims(tensor) != 4) continue;
        int shape[4] = {1, atoi(words[3]), atoi(words[4]), TfLiteTensorDim(tensor, 3)};
        if (TfLiteInterpreterResizeInputTensor(interpreter, i, shape, 4)) fail("no such size");
    }
    if (TfLiteInterpreterAllocateTensors(interpreter)) fail("no room");
    for (int i = 0; i < inputs; i++) {
        void *tensor = TfLiteInterpreterGetInputTensor(interpreter, i);
        const char *path = NULL;
        for (int word = 7; word < count; word++) {
            char *equals = strchr(words[word], '=');
            char name[64] = "";
            if (equals && equals - words[word] < 60) memcpy(name, words[word], equals - words[word]);
            if (*name && strstr(TfLiteTensorName(tensor), name)) path = equals + 1;
        }
        if (!path) fail(TfLiteTensorName(tensor));
        void *values = content(path, &size);
        if ((size_t)size != TfLiteTensorByteSize(tensor)) fail("an input of another size");
        if (TfLiteTensorCopyFromBuffer(tensor, values, size)) fail("an input was refused");
    }
    if (TfLiteInterpreterInvoke(interpreter)) fail("the network failed");
    void *output = TfLiteInterpreterGetOutputTensor(interpreter, 0);
    size_t room = TfLiteTensorByteSize(output);
    void *values = malloc(room);
    if (TfLiteTensorCopyToBuffer(output, values, room)) fail("no output");
    FILE *file = fopen(words[6], "wb");
    if (!file || fwrite(values, 1, room, file) != room || fclose(file)) fail("the output cannot be written");
    printf("%d %d\n", TfLiteTensorDim(output, 1), TfLiteTensorDim(output, 2));
    return 0;
}
