import "@async-drop/platform-node"
import "@async-drop/testing"
