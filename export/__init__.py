"""A trained run becomes one file that colorizes anywhere: `python -m export RUN --recipe NAME --out model.tflite`.

    recipes     what the numbers of a file may be, why, and how far its pictures may be from the network's
    source      run folder -> the network as a graph `luma -> ab`, or the reason why it cannot be exported
    scenes      the photos of a run as the files' inputs
    convert     graph and recipe -> the bytes of a TFLite file
    equalize    float file -> the same function with channels of like size, as 8 bits need them
    ranges      what a calibrated graph's values span, narrowed to what is worth a share of 255 steps
    quantize    float file -> int8 or int16 file whose edges stay float32
    finetune    quantization-aware fine-tuning of a network
    to_onnx     float32 TFLite file -> ONNX file
    flatbuffer  what stands in a TFLite file
    trace       runs a file with every tensor between its ends in sight
    probe       runs a file in one runtime, alone in a process: outputs, latency, memory
    drift       two sets of ab -> how far apart their pictures are
    report      what verification found, for a screen and for the card
    verify      file, network and photos -> a report, and whether the recipe's bounds hold
    compare     one table over many files

In a checkout this package is `export`, installed it is `colorize_tf.export`.
"""
